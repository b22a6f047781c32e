"""SAM-5 and SPC-5: what every logical unit has.  No tape, no changer, no I/O."""
