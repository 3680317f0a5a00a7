//! Guessing takes time: over restarts, boots and changes of the date, and whoever guesses at once.
