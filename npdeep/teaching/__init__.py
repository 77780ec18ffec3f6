"""What is made for a class: the lesson."""
