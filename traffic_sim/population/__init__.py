"""A population of impressions whose true install probability is known.

Everything about it is drawn from one seed: campaigns and games with latent genres, devices, countries, software
versions that come and go, users with a history. `truth` holds the formula of the install probability and the numbers in
it; the other modules say how often what occurs. docs/population.md tells it in prose, with measured figures.
Pure: random numbers come in as a generator, and nothing here reads a clock or a file.
"""

from traffic_sim.population.population import InvalidDraw, Population, Scored

__all__ = ["InvalidDraw", "Population", "Scored"]
