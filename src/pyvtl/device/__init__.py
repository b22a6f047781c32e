"""SCSI over media: the drive and the changer.  Never says socket."""
