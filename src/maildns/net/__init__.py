"""Where questions meet answers: drivers and worlds."""
