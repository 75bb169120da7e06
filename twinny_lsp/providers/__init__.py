"""Model servers: one adapter per wire shape, presets over them, one interface."""
