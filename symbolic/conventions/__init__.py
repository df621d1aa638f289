"""What the libraries compute under the names of the document's algorithms, typed from their sources."""

CONVENTIONS = {}
