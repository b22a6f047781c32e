"""Cartridges: records, filemarks, partitions and where they lie.  Never says sense."""
