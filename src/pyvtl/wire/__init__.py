"""Declared byte structures and checksums; knows nothing of iSCSI, SCSI or tape."""
