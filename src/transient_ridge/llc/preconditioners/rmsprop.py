"""RMSProp: steps scaled by the root of each chain's mean squared gradient."""
