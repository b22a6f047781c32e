"""The object store; tapes go there in the background."""
