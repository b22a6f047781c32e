"""The products that our devices stand in for, one module each."""
