"""The document's own path to each update, as steps that can be checked: one file per algorithm."""
