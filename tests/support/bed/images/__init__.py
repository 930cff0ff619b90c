"""Images made of this machine's own Debian: real programs under the names a pillar asks for."""
