"""Settings: one TOML file, the environment and flags, checked at the door and then frozen."""
