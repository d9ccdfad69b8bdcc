"""Files of any kind: written atomically, locked, hashed, encoded, decoded and checked."""
