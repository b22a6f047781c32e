"""TCP portals: sockets on one side, iSCSI connections and logical units on the other."""
