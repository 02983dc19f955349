"""Who may ask, and how much: keys, sessions, wrong keys, limits, pages of other sites, audit lines."""
