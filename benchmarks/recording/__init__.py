"""What polytask computes, recorded, so that a rebuilt one can be shown to compute the same."""
