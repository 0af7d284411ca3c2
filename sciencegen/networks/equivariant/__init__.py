"""Networks of points in space that are equivariant to translations, rotations and reflections."""
