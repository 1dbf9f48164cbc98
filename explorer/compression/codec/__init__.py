"""The .sqz file (docs/sqz.md): container, header, arithmetic coding, context mixing."""
