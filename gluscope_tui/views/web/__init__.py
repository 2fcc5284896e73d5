"""A neuron as a web page that needs nothing but itself: records to HTML, through Jinja2's templates."""
