"""The verbs: scripts and notebooks parse flags and call these."""
