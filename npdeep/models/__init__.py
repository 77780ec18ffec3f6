"""Networks: layers in a row, their names, and copies to look into."""
