"""What follows from the document's equations: one file per algorithm, each theorem with its proof."""
