"""Knowledge bases in the console: packs that the people of a team make, mend, publish and try."""
