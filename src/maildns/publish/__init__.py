"""Publishers: they carry a plan's changes into a zone."""
