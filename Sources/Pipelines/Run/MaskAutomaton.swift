/// Finds any of many byte strings in one pass (Aho and Corasick, 1975). Children hang on lists and not in tables of
/// 256, so that a long key takes kilobytes; only the root has a table, because that is where nearly every byte of a
/// log is looked at.
final class MaskAutomaton: Sendable {
    private struct Node {
        var byte: UInt8
        var depth: Int32
        var firstChild: Int32 = 0
        var nextSibling: Int32 = 0
        /// Where the longest proper suffix of this node is that begins another string.
        var fallback: Int32 = 0
        /// Length of the longest string that ends here; 0: none.
        var longest: Int32 = 0
        /// Length of the longest suffix, this node's whole path included, that begins another, longer string.
        var begun: Int32 = 0
    }

    private let nodes: [Node]
    /// Byte → child of the root; 0: none.
    private let root: [Int32]

    init(_ patterns: some Sequence<[UInt8]>) {
        var nodes = [Node(byte: 0, depth: 0)]
        var root = [Int32](repeating: 0, count: 256)
        for pattern in patterns where !pattern.isEmpty {
            var state: Int32 = 0
            for byte in pattern {
                var child = Self.child(of: state, byte, nodes, root)
                if child == 0 {
                    child = Int32(nodes.count)
                    var node = Node(byte: byte, depth: nodes[Int(state)].depth + 1)
                    node.nextSibling = nodes[Int(state)].firstChild
                    nodes.append(node)
                    nodes[Int(state)].firstChild = child
                    if state == 0 { root[Int(byte)] = child }
                }
                state = child
            }
            nodes[Int(state)].longest = Int32(pattern.count)
        }
        Self.link(&nodes, root)
        self.nodes = nodes
        self.root = root
    }

    /// Sets the fallbacks, level by level.
    private static func link(_ nodes: inout [Node], _ root: [Int32]) {
        var queue: [Int32] = [0]
        var next = 0
        while next < queue.count {
            let parent = queue[next]
            next += 1
            let node = nodes[Int(parent)]
            nodes[Int(parent)].begun = node.firstChild != 0 ? node.depth : nodes[Int(node.fallback)].begun
            var child = nodes[Int(parent)].firstChild
            while child != 0 {
                queue.append(child)
                if parent != 0 {
                    let fallback = step(nodes[Int(parent)].fallback, nodes[Int(child)].byte, nodes, root)
                    nodes[Int(child)].fallback = fallback
                    if nodes[Int(child)].longest == 0 { nodes[Int(child)].longest = nodes[Int(fallback)].longest }
                }
                child = nodes[Int(child)].nextSibling
            }
        }
    }

    private static func child(of state: Int32, _ byte: UInt8, _ nodes: [Node], _ root: [Int32]) -> Int32 {
        if state == 0 { return root[Int(byte)] }
        var child = nodes[Int(state)].firstChild
        while child != 0, nodes[Int(child)].byte != byte { child = nodes[Int(child)].nextSibling }
        return child
    }

    private static func step(_ state: Int32, _ byte: UInt8, _ nodes: [Node], _ root: [Int32]) -> Int32 {
        var state = state
        while true {
            let child = child(of: state, byte, nodes, root)
            if child != 0 || state == 0 { return child }
            state = nodes[Int(state)].fallback
        }
    }

    /// The state after one more byte.
    func next(_ state: Int32, _ byte: UInt8) -> Int32 { Self.step(state, byte, nodes, root) }

    /// Length of the longest string that ends in a state; 0: none.
    func longest(_ state: Int32) -> Int { Int(nodes[Int(state)].longest) }

    /// How many of the last bytes begin a string that has not ended.
    func begun(_ state: Int32) -> Int { Int(nodes[Int(state)].begun) }

    /// The next position at which a string can begin, or the end.
    func skip(_ bytes: UnsafeBufferPointer<UInt8>, from index: Int) -> Int {
        root.withUnsafeBufferPointer { root in
            var index = index
            while index < bytes.count, root[Int(bytes[index])] == 0 { index += 1 }
            return index
        }
    }
}
