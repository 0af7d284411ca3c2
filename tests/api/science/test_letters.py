"""Items as letters: of domains that draw them so, and of others."""

from pointclouds import DOMAIN as CLOUDS

from sciencegen.api.science import align, letters_of, picture
from sciencegen.domains.proteins import DOMAIN as PROTEINS


def test_a_domain_without_letters_draws_the_item_itself():
    cloud = CLOUDS.items.parse("0 0;1 0;0 1;1 1;2 2")
    assert letters_of(CLOUDS) is None
    assert align(CLOUDS, ["0 0;1 0;0 1;1 1;2 2"], None) is None
    assert picture(CLOUDS, cloud, None) == CLOUDS.render(cloud, 220, 160)


def test_sequences_of_one_length_stand_in_common_columns():
    sites = align(PROTEINS, ["MKV", "MAV"], None)
    assert len(sites.rows) == 2
    assert align(PROTEINS, [], None) is None
