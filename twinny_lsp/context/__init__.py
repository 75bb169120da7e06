"""What else the model should see besides the text around the cursor."""
