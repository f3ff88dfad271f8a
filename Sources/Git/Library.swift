import CGit2
import Glibc

/// libgit2 as a whole: set up once, never shut down.
enum Library {
    /// Safe to call again and again, from any thread.
    static func start() { _ = started }

    private static let started: Bool = {
        // Its ssh transport refuses to work without a home folder, which a system service may not have.
        setenv("HOME", "/", 0)
        git_libgit2_init()
        // No configuration of a user or of the machine applies: an insteadOf there would send us elsewhere.
        let levels = [
            GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_GLOBAL, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_PROGRAMDATA,
        ]
        for level in levels { fairlead_git_set_search_path(level.rawValue, "") }
        // File sources may belong to another user. Nothing in a repository's configuration is run by libgit2.
        fairlead_git_set_owner_validation(0)
        // Every object is hashed when its pack arrives; hashing it again at each read doubles the time of a checkout.
        fairlead_git_set_strict_hash_verification(0)
        fairlead_git_set_cache_max_size(16 << 20)
        fairlead_git_set_mwindow_size(32 << 20)
        fairlead_git_set_mwindow_mapped_limit(512 << 20)
        // A whole object is held in memory while it is read.
        fairlead_git_set_pack_max_object_size(1 << 30)
        fairlead_git_set_user_agent("fairlead")
        Stream.register()
        return true
    }()
}
