import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch

from saliency.methods.upsampling import upsample
from saliency.metrics import concentration, localisation, table
from saliency.metrics.table import measure_columns, measure_shard

METHODS = ["guided_backprop", "gradcam"]
CASES = [((14, 28), (7, 7), 3), ((8, 6, 10), (2, 3, 2), 1)]


def _shard(spatial, features, channels, samples=5):
    rng = np.random.default_rng(0)
    maps = {
        target: {
            "gradcam": rng.normal(size=(samples, *features)).clip(0).astype(np.float32),
            "guided_backprop": rng.normal(size=(samples, channels, *spatial)).astype(np.float32),
        }
        for target in ("predicted", "runner_up")
    }
    masks = rng.random((samples, *spatial)) < 0.2
    return maps, masks


@pytest.mark.parametrize(("spatial", "features", "channels"), CASES)
def test_values_are_those_of_the_measures(spatial, features, channels):
    maps, masks = _shard(spatial, features, channels)
    found = measure_shard(maps, masks, spatial, {"tolerance": 1, "border": 0.2})
    assert found.columns.tolist() == ["row", "target", *measure_columns(len(spatial), METHODS)]
    assert found["row"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert not found.isna().any(axis=None)
    for target, part in found.groupby("target"):
        cam = upsample(torch.from_numpy(maps[target]["gradcam"]), spatial)[:, 0].numpy()
        dilated = localisation.dilate(masks, 1)
        expected = {
            "mask_share": localisation.mask_share(masks),
            "energy_ratio": localisation.energy_in_mask(cam, masks) / localisation.mask_share(masks),
            "pointing_hit": localisation.pointing_hit(cam, dilated),
            "pointing_hit_centre": localisation.pointing_hit_centre(dilated),
            "pointing_random": localisation.pointing_random(dilated),
            "iou": localisation.iou(localisation.rank_accuracy(cam, masks)),
            "iou_random": localisation.iou_random(masks),
            "border_energy": concentration.border_energy(concentration.shares(cam), 0.2),
            "border_share": concentration.border_share(spatial, 0.2),
            "spread": concentration.spread(concentration.shares(cam)),
        }
        for name, values in expected.items():
            np.testing.assert_allclose(part[name], values, rtol=1e-12, err_msg=name)
        centroid = part.filter(like="centroid_").to_numpy()
        np.testing.assert_allclose(centroid, concentration.centroid(concentration.shares(cam)), rtol=1e-12)
    assert [name for name in found if name.startswith("centroid_")] == {
        2: ["centroid_y", "centroid_x"],
        3: ["centroid_x", "centroid_y", "centroid_z"],
    }[len(spatial)]


@pytest.mark.parametrize(("spatial", "features", "channels"), CASES)
def test_similarities_are_those_of_scipy(spatial, features, channels):
    maps, _ = _shard(spatial, features, channels)
    found = measure_shard(maps, None, spatial)
    first, second = maps["predicted"], maps["runner_up"]
    for row, part in found.groupby("row"):
        cams = first["gradcam"][row].ravel(), second["gradcam"][row].ravel()
        guided = (np.abs(maps["guided_backprop"][row]).sum(axis=0).ravel() for maps in (first, second))
        assert part["similarity_gradcam"].to_numpy() == pytest.approx([scipy.stats.spearmanr(*cams).statistic] * 2)
        assert part["similarity_guided_backprop"].to_numpy() == pytest.approx(
            [scipy.stats.spearmanr(*guided).statistic] * 2, abs=1e-6
        )


def test_batches_change_nothing(monkeypatch):
    maps, masks = _shard(*CASES[0])
    spatial = CASES[0][0]
    whole = measure_shard(maps, masks, spatial)
    monkeypatch.setattr(table, "PIXELS", 2 * 14 * 28)
    pd.testing.assert_frame_equal(measure_shard(maps, masks, spatial), whole, check_exact=False, rtol=1e-12)
    pd.testing.assert_frame_equal(measure_shard(maps, masks, spatial), measure_shard(maps, masks, spatial))


def test_a_failed_sample_is_nan_and_costs_no_other_its_measures():
    maps, masks = _shard(*CASES[0])
    spatial = CASES[0][0]
    whole = measure_shard(maps, masks, spatial)
    for arrays in maps.values():
        for values in arrays.values():
            values[2] = np.nan
    found = measure_shard(maps, masks, spatial)
    failed = found["row"] == 2
    assert found[failed].drop(columns=["row", "target"]).isna().all(axis=None)
    pd.testing.assert_frame_equal(found[~failed], whole[~failed])


def test_a_target_without_a_class_leaves_the_others():
    """Samples without a label have no map for the target `label`."""
    maps, masks = _shard(*CASES[0])
    maps["label"] = {name: np.full_like(values, np.nan) for name, values in maps["predicted"].items()}
    found = measure_shard(maps, masks, CASES[0][0]).set_index("target")
    measures = measure_columns(2, METHODS)
    assert found.loc["label", measures].isna().all(axis=None)
    assert found.loc[["predicted", "runner_up"], measures].notna().all(axis=None)


def test_what_is_absent_is_nan():
    maps, masks = _shard(*CASES[0])
    masks[1] = False
    spatial = CASES[0][0]
    of_masks = measure_columns(2, METHODS)[:9]
    found = measure_shard(maps, None, spatial)
    assert found.columns[found.isna().all()].tolist() == of_masks
    found = measure_shard(maps, masks, spatial)
    np.testing.assert_array_equal(found[of_masks].isna().all(axis=1), found["row"] == 1)
    cams = {target: {"gradcam": of_target["gradcam"]} for target, of_target in maps.items()}
    only = measure_shard(cams, masks, spatial)
    assert only.columns[only.isna().all()].tolist() == ["agreement"]
    only = measure_shard({"predicted": maps["predicted"]}, masks, spatial)
    assert only.columns[only.isna().all()].tolist() == ["similarity_gradcam", "similarity_guided_backprop"]


def test_maps_that_do_not_say_where_are_refused():
    maps, masks = _shard(*CASES[0])
    guided = {"predicted": {"guided_backprop": maps["predicted"]["guided_backprop"]}}
    with pytest.raises(ValueError, match="none of guided_backprop says where"):
        measure_shard(guided, masks, CASES[0][0])


def test_unknown_settings_are_refused():
    maps, masks = _shard(*CASES[0])
    with pytest.raises(ValueError, match="no measure has a setting tolerence: choose from tolerance, border"):
        measure_shard(maps, masks, CASES[0][0], {"tolerence": 2})


def test_methods_made_from_others_are_not_measured():
    maps, masks = _shard(*CASES[0])
    whole = measure_shard(maps, masks, CASES[0][0])
    for of_target in maps.values():
        of_target["guided_gradcam"] = of_target["guided_backprop"]
    pd.testing.assert_frame_equal(measure_shard(maps, masks, CASES[0][0]), whole)
    assert measure_columns(2, [*METHODS, "guided_gradcam"]) == measure_columns(2, METHODS)


def test_a_zero_map():
    maps, masks = _shard(*CASES[0])
    maps["predicted"]["gradcam"][3] = 0
    found = measure_shard(maps, masks, CASES[0][0])
    row = found[(found["row"] == 3) & (found["target"] == "predicted")].iloc[0]
    assert (row["zero_map"], row["pointing_hit"]) == (1, 0)
    assert row[["energy_in_mask", "iou", "border_energy", "centroid_x", "gini", "agreement"]].isna().all()
    assert found["zero_map"].sum() == 1
