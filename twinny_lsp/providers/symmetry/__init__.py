"""Chat over the Symmetry network, whose connections a Node.js sidecar holds."""
