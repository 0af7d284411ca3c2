"""The shell's door. One file for each verb: flags to settings, one call of `sciencegen.api`, files written."""
