# Two commands for a newcomer: `make demo` and `make test`. Everything else is for those who stay.

BUILD_PACKAGES := binutils ca-certificates git libc6-dev libcrypt-dev libcurl4-openssl-dev libgit2-dev \
    libmicrohttpd-dev libsimdjson-dev libsqlite3-dev libssl-dev libstdc++-12-dev pkg-config zlib1g-dev
RUN_PACKAGES := aardvark-dns busybox-static catatonit docker-registry haproxy iptables netavark podman runc
TEST_PACKAGES := chromium-driver chromium-headless-shell curl iproute2 jq openssh-server openssl procps prometheus \
    prometheus-alertmanager python3 python3-venv shellcheck strace util-linux
BENCH_PACKAGES := python3 python3-venv webhook wrk

# One group after the other: side by side, real containers and real servers would starve each other on two cores.
BUILD_SUITES := /(BuildIsolation|BuildMount|ChildLedger|ChildProcess|EmbeddedRegistry|ImageBuilder|ImageKey|ImagePusher|Podman|RetentionKeeper)Tests.swift
TARGET_SUITES := /(PodIsolation|PodmanContainer|PodmanTarget|RemoteBuilder|SmokeTester)Tests.swift
# These compute; beside them, what waits for a cluster would be late.
MODEL_SUITES := /(LaneModel|LaneConformance)Tests.swift

run_group = swift test $(1) --skip-build --disable-xctest
define run_groups
$(run_group) --filter 'HTTPServerTests|SigningTests'
$(run_group) --filter 'HTTPClientTests|TelemetryTests|GitHubTests|DigitalOceanTests|FairleadTests'
$(run_group) --filter 'GitTests'
$(run_group) --filter 'TodoTests'
$(run_group) --filter 'KubernetesTests|TestClusterTests'
$(run_group) --filter PipelinesTests --skip '$(BUILD_SUITES)|$(TARGET_SUITES)|$(MODEL_SUITES)'
$(run_group) --filter '$(MODEL_SUITES)'
$(run_group) --filter '$(BUILD_SUITES)'
$(run_group) --filter '$(TARGET_SUITES)'
endef

# The last tests need Python environments, which are made while the ones before wait for containers. What goes wrong is
# said when they are needed.
PREPARE := { Tests/contracts/run --prepare; Tests/stack/run --prepare; Tests/web/run --prepare; } >/dev/null 2>&1

# Ten times as slow, tests would run into each other's deadlines side by side, and ten thousand events into their own.
TSAN := --sanitize=thread --scratch-path .build-tsan
test-tsan: export TSAN_OPTIONS = suppressions=$(CURDIR)/Tests/tsan.supp

.PHONY: demo test test-tsan test-web test-stack crash bench format lint clean build release check packages

# APP=todo deploys the application of the reference stack instead of a small service.
APP := sample
demo: packages release $(if $(filter todo,$(APP)),release-todo)
	@.build/release/fairlead demo --app $(APP) $(if $(ONCE),--once)

test: packages test-packages
	swift build --build-tests
	$(call run_groups,)
	$(PREPARE) & $(call run_group,) --filter EndToEnd; status=$$?; wait; exit $$status
	@Tests/contracts/run
	@Tests/stack/run
	@Tests/web/run

test-web: build test-packages
	@Tests/web/run

# With those that take minutes.
test-stack: packages test-packages
	swift build
	@Tests/stack/run --long

# More of the tests' rounds of crashes; SEED repeats the pushes and the moments of an earlier call.
ROUNDS := 20
crash: packages test-packages
	swift build --build-tests
	FAIRLEAD_CRASH_ROUNDS=$(ROUNDS) FAIRLEAD_CRASH_SEED=$(SEED) $(call run_group,) --filter CrashTests

test-tsan: packages test-packages
	swift build --build-tests $(TSAN)
	$(call run_groups,$(TSAN) --no-parallel --skip ExactlyOnceTests)

bench: packages bench-packages release
	@swift build -c release --product test-cluster >>.build/release.log 2>&1 || { cat .build/release.log >&2; exit 1; }
	@Tests/bench/run

build: packages
	swift build

release: packages
	@mkdir -p .build
	@echo "Building fairlead; the first time takes several minutes…"
	@swift build -c release --product fairlead >.build/release.log 2>&1 || { cat .build/release.log >&2; exit 1; }

.PHONY: release-todo
release-todo: release
	@for program in backend event-service frontend; do \
	    swift build -c release --product todo-$$program >.build/release.log 2>&1 || { cat .build/release.log >&2; exit 1; }; \
	done

format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests deploy/todo

lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests deploy/todo
	@python3 -c 'import ast, sys; [ast.parse(open(name).read(), name) for name in sys.argv[1:]]' \
	    Tests/*/*.py Tests/*/*/*.py Tests/contracts/run Tests/stack/run Tests/stack/mock/terraform Tests/web/run
	shellcheck --external-sources --check-sourced $$(git grep -lE '^#!.*sh$$')
	@! git grep -nE '.{121}' -- deploy/stack deploy/stack.d || { echo 'lines of more than 120 columns' >&2; exit 1; }

clean:
	rm -rf .build .build-tsan

.PHONY: test-packages bench-packages
packages: check
	@.ci/install-packages $(BUILD_PACKAGES) $(RUN_PACKAGES)
test-packages: check
	@.ci/install-packages $(TEST_PACKAGES)
bench-packages: check
	@.ci/install-packages $(BENCH_PACKAGES)
check:
	@.ci/check-swift
