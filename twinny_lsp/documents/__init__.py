"""Text as the editor has it: lines, positions, encodings, edits. No I/O, no LSP types."""
