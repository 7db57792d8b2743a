"""What a person does over the page: one file for each action, and the forms that they answer."""
