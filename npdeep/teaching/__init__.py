"""What is made for a class: the lesson, the playground, the exercises."""
