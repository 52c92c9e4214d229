"""Programs that use the bank from outside, as any other company would."""
