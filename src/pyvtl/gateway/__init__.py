"""Puts it all together: settings in, a running library out."""
