"""Networks of the libraries that people use, with random weights and small inputs."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

CLASSES = 5
LIBRARIES = ("torchvision", "timm", "transformers", "monai", "segmentation_models_pytorch")


@dataclass(frozen=True)
class Network:
    """A network of the zoo.

    Attributes
    ----------
    library, name
        Where it is from.
    shape
        Of its input, ``(c, *spatial)``.
    build
        Returns it.
    """

    library: str
    name: str
    shape: tuple[int, ...]
    build: Callable[[], nn.Module]

    @property
    def mode(self) -> str:
        """As of `saliency.methods.method.Method`."""
        return f"{len(self.shape) - 1}D"

    def built(self) -> nn.Module:
        """In eval mode, the same in each process; layers that are zero at first get weights."""
        torch.manual_seed(0)
        network = self.build().eval()
        for parameter in network.parameters():
            if parameter.ndim > 1 and not parameter.any():
                nn.init.normal_(parameter, std=0.02)
        return network


# Inputs of 64 pixels leave one position to networks that halve them six times; those with windows need their own size.
TORCHVISION_SIDES = {"vit": 64, "vit_h_14": 56, "maxvit_t": 224, "inception_v3": 107, "swin": 64, "squeezenet": 64}


def _torchvision() -> list[Network]:
    from torchvision import models

    found = []
    for name in models.list_models(module=models):
        side = TORCHVISION_SIDES.get(name) or TORCHVISION_SIDES.get(name.partition("_")[0], 64)
        options = {"image_size": side} if name.startswith("vit") else {}
        if name in ("googlenet", "inception_v3"):
            options["init_weights"] = False

        def build(name=name, options=options):
            return models.get_model(name, weights=None, num_classes=CLASSES, **options)

        found.append(Network("torchvision", name, (3, side, side), build))
    for name in models.list_models(module=models.video):
        # The grid of MViT is a part of its weights, the size of its last pooling one of S3D.
        shape = (3, 16, 224, 224) if name.startswith(("mvit", "s3d")) else (3, 8, 64, 64)

        def build(name=name):
            return models.get_model(name, weights=None, num_classes=CLASSES)

        found.append(Network("torchvision", name, shape, build))
    for name in models.list_models(module=models.segmentation):

        def build(name=name):
            return models.get_model(name, weights=None, weights_backbone=None, num_classes=CLASSES)

        found.append(Network("torchvision", name, (3, 64, 64), build))
    return found


# One or two of each family, the smallest; where their positions are weights, they are built for a small input.
TIMM_CONVOLUTIONS = """
resnet18 resnetv2_50 resnetblur18 seresnet18 skresnet18 res2net50_14w_8s resnest14d resnext26ts regnetx_002 regnety_002
densenet121 dla34 dpn48b vgg11_bn convnext_atto convnextv2_atto inception_v3 inception_v4 inception_resnet_v2
inception_next_atto xception41 mobilenetv1_100 mobilenetv2_050 mobilenetv3_small_050 mobilenetv4_conv_small_035
efficientnet_b0 efficientnetv2_rw_t tinynet_e mixnet_s mnasnet_small fbnetc_100 spnasnet_100 hardcorenas_a ghostnet_050
lcnet_035 rexnet_100 repvit_m0_9 repghostnet_050 repvgg_a0 fasternet_t0 starnet_s1 hgnet_tiny selecsls42 vovnet39a
ese_vovnet19b_slim cspresnet50 cspdarknet53 darknet17 gernet_s nf_regnet_b0 dm_nfnet_f0 hrnet_w18_small tresnet_m
nasnetalarge pnasnet5large rdnet_tiny convmixer_768_32 mambaout_femto botnet26t_256 halonet26t lambda_resnet26t
""".split()  # noqa: SIM905
TIMM_TRANSFORMERS = """
vit_tiny_patch16_224 vit_relpos_small_patch16_224 deit_tiny_patch16_224 deit_tiny_distilled_patch16_224
deit3_small_patch16_224 vit_small_patch14_dinov2 vit_small_patch14_reg4_dinov2 vit_small_patch16_dinov3
beit_base_patch16_224 eva02_tiny_patch14_224 cait_xxs24_224 xcit_nano_12_p16_224 convit_tiny volo_d1_224
tnt_s_legacy_patch16_224 crossvit_tiny_240 pit_ti_224 pit_ti_distilled_224 levit_128s swin_tiny_patch4_window7_224
swinv2_tiny_window8_256 swinv2_cr_tiny_224 nest_tiny_jx twins_pcpvt_small twins_svt_small pvt_v2_b0 coat_tiny
coat_lite_tiny mvitv2_tiny hiera_tiny_224 davit_tiny gcvit_xxtiny edgenext_xx_small efficientformer_l1
efficientformerv2_s0 efficientvit_b0 efficientvit_m0 fastvit_t8 mobilevit_xxs mobilevitv2_050 maxvit_rmlp_pico_rw_256
coatnet_pico_rw_224 poolformer_s12 caformer_s18 convformer_s18 focalnet_tiny_srf sequencer2d_s visformer_tiny
tiny_vit_5m_224 nextvit_small repvit_m1 shvit_s1 swiftformer_xs vitamin_small_224 iformer_t
mixer_s32_224 gmixer_12_224 gmlp_ti16_224 resmlp_12_224 vit_tiny_r_s16_p8_224
""".split()  # noqa: SIM905
TIMM_SIDES = {
    "halonet26t": 256,
    "inception_v3": 107,
    "inception_v4": 107,
    "inception_resnet_v2": 107,
    "nasnetalarge": 107,
}
# Built for an input of this size.
TIMM_BUILT_FOR = {"vit_small_patch14_dinov2": 112, "vit_small_patch14_reg4_dinov2": 112}


def _timm() -> list[Network]:
    import timm

    known = set(timm.list_models())
    found = []
    for name in [*TIMM_CONVOLUTIONS, *TIMM_TRANSFORMERS]:
        if name not in known:
            continue
        options = {"img_size": TIMM_BUILT_FOR[name]} if name in TIMM_BUILT_FOR else {}
        side = TIMM_BUILT_FOR.get(name) or TIMM_SIDES.get(name)
        if not side:
            settings = timm.get_pretrained_cfg(name)
            wanted = settings.input_size[-1] if settings is not None else 224
            side = wanted if name in TIMM_TRANSFORMERS or (settings and settings.fixed_input_size) else 96

        def build(name=name, options=options):
            return timm.create_model(name, num_classes=CLASSES, **options)

        found.append(Network("timm", name, (3, side, side), build))
    return found


SMALL = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 96}
IMAGE = {"image_size": 64, "patch_size": 16}
# By class: settings of its configuration, and the shape of the input.
TRANSFORMERS: dict[str, tuple[dict[str, object], tuple[int, ...]]] = {
    "ViTForImageClassification": (SMALL | IMAGE, (3, 64, 64)),
    "DeiTForImageClassification": (SMALL | IMAGE, (3, 64, 64)),
    "DeiTForImageClassificationWithTeacher": (SMALL | IMAGE, (3, 64, 64)),
    "BeitForImageClassification": (SMALL | IMAGE, (3, 64, 64)),
    "Data2VecVisionForImageClassification": (SMALL | IMAGE, (3, 64, 64)),
    "ViTMSNForImageClassification": (SMALL | IMAGE, (3, 64, 64)),
    "Dinov2ForImageClassification": (SMALL | IMAGE, (3, 64, 64)),
    "Dinov2WithRegistersForImageClassification": (SMALL | IMAGE, (3, 64, 64)),
    "IJepaForImageClassification": (SMALL | IMAGE, (3, 64, 64)),
    "CLIPForImageClassification": ({"vision_config": SMALL | IMAGE}, (3, 64, 64)),
    "SiglipForImageClassification": ({"vision_config": SMALL | IMAGE}, (3, 64, 64)),
    "SwinForImageClassification": ({"image_size": 128, "embed_dim": 24, "window_size": 2}, (3, 128, 128)),
    "Swinv2ForImageClassification": ({"image_size": 128, "embed_dim": 24, "window_size": 2}, (3, 128, 128)),
    "DonutSwinForImageClassification": ({"image_size": 128, "embed_dim": 24, "window_size": 2}, (3, 128, 128)),
    "HieraForImageClassification": ({"image_size": [224, 224], "embed_dim": 24}, (3, 224, 224)),
    "ConvNextForImageClassification": ({"hidden_sizes": [16, 24, 32, 48]}, (3, 64, 64)),
    "ConvNextV2ForImageClassification": ({"hidden_sizes": [16, 24, 32, 48]}, (3, 64, 64)),
    "ResNetForImageClassification": ({}, (3, 64, 64)),
    "RegNetForImageClassification": ({}, (3, 64, 64)),
    "BitForImageClassification": ({}, (3, 64, 64)),
    "EfficientNetForImageClassification": (
        {"hidden_dim": 1280, "width_coefficient": 1.0, "depth_coefficient": 1.0},
        (3, 64, 64),
    ),
    "FocalNetForImageClassification": ({"image_size": 128, "embed_dim": 24}, (3, 128, 128)),
    "HGNetV2ForImageClassification": ({}, (3, 64, 64)),
    "LevitForImageClassification": ({"image_size": 224}, (3, 224, 224)),
    "MobileNetV1ForImageClassification": ({}, (3, 64, 64)),
    "MobileNetV2ForImageClassification": ({}, (3, 64, 64)),
    "MobileViTForImageClassification": ({"image_size": 128}, (3, 128, 128)),
    "MobileViTV2ForImageClassification": ({"image_size": 128}, (3, 128, 128)),
    "PoolFormerForImageClassification": ({}, (3, 64, 64)),
    "PvtForImageClassification": ({"image_size": 128}, (3, 128, 128)),
    "PvtV2ForImageClassification": ({"image_size": 128}, (3, 128, 128)),
    "CvtForImageClassification": ({}, (3, 128, 128)),
    "SwiftFormerForImageClassification": ({}, (3, 96, 96)),
    "TextNetForImageClassification": ({}, (3, 64, 64)),
    "PPLCNetForImageClassification": ({}, (3, 64, 64)),
    "SegformerForImageClassification": ({}, (3, 128, 128)),
    "SegformerForSemanticSegmentation": ({}, (3, 128, 128)),
    "MobileViTForSemanticSegmentation": ({"image_size": 128}, (3, 128, 128)),
    "MobileNetV2ForSemanticSegmentation": ({}, (3, 64, 64)),
    "UperNetForSemanticSegmentation": ({}, (3, 64, 64)),
    "ImageGPTForImageClassification": ({"n_embd": 24, "n_layer": 2, "n_head": 2}, (3, 32, 32)),
    "Siglip2ForImageClassification": ({"vision_config": SMALL | {"patch_size": 16}}, (3, 64, 64)),
}


def _transformers() -> list[Network]:
    import transformers

    found = []
    for name, (settings, shape) in TRANSFORMERS.items():
        if not hasattr(transformers, name):
            continue

        def build(name=name, settings=settings):
            kind = getattr(transformers, name)
            return kind(kind.config_class(**settings, num_labels=CLASSES))

        found.append(Network("transformers", name, shape, build))
    return found


VIT = {"hidden_size": 48, "mlp_dim": 96, "num_layers": 3, "num_heads": 4}
# By name: class, arguments, and the shape of the input.
MONAI: dict[str, tuple[str, dict[str, object], tuple[int, ...]]] = {
    "ViT, 2D": ("ViT", {"in_channels": 1, "img_size": (64, 48), "patch_size": (16, 16), **VIT, "classification": True,
        "num_classes": CLASSES, "spatial_dims": 2}, (1, 64, 48)),
    "ViT, 3D": ("ViT", {"in_channels": 1, "img_size": (32, 24, 16), "patch_size": (8, 8, 8), **VIT,
        "classification": True, "num_classes": CLASSES}, (1, 32, 24, 16)),
    "DenseNet121, 2D": ("DenseNet121", {"spatial_dims": 2, "in_channels": 1, "out_channels": CLASSES}, (1, 64, 64)),
    "DenseNet121, 3D": ("DenseNet121", {"spatial_dims": 3, "in_channels": 1, "out_channels": CLASSES}, (1, 64, 64, 64)),
    "resnet18, 2D": ("resnet18", {"spatial_dims": 2, "n_input_channels": 1, "num_classes": CLASSES}, (1, 64, 64)),
    "resnet18, 3D": ("resnet18", {"spatial_dims": 3, "n_input_channels": 1, "num_classes": CLASSES}, (1, 32, 32, 32)),
    "resnet50, 3D": ("resnet50", {"spatial_dims": 3, "n_input_channels": 1, "num_classes": CLASSES}, (1, 32, 32, 32)),
    "SEResNet50, 3D": ("SEResNet50", {"spatial_dims": 3, "in_channels": 1, "num_classes": CLASSES}, (1, 64, 64, 64)),
    "SEResNext50, 2D": ("SEResNext50", {"spatial_dims": 2, "in_channels": 1, "num_classes": CLASSES}, (1, 64, 64)),
    "EfficientNetBN b0, 2D": ("EfficientNetBN", {"model_name": "efficientnet-b0", "pretrained": False,
        "spatial_dims": 2, "in_channels": 1, "num_classes": CLASSES}, (1, 64, 64)),
    "EfficientNetBN b0, 3D": ("EfficientNetBN", {"model_name": "efficientnet-b0", "pretrained": False,
        "spatial_dims": 3, "in_channels": 1, "num_classes": CLASSES}, (1, 64, 64, 64)),
    "Classifier": ("Classifier", {"in_shape": (1, 32, 32, 32), "classes": CLASSES, "channels": (4, 8, 16),
        "strides": (2, 2, 2)}, (1, 32, 32, 32)),
    "Discriminator": ("Discriminator", {"in_shape": (1, 32, 32, 32), "channels": (4, 8, 16), "strides": (2, 2, 2)},
        (1, 32, 32, 32)),
    "Critic": ("Critic", {"in_shape": (1, 32, 32), "channels": (4, 8, 16), "strides": (2, 2, 2)}, (1, 32, 32)),
    "Regressor": ("Regressor", {"in_shape": (1, 32, 32), "out_shape": (2,), "channels": (4, 8, 16),
        "strides": (2, 2, 2)}, (1, 32, 32)),
    "TorchVisionFCModel": ("TorchVisionFCModel", {"model_name": "resnet18", "num_classes": CLASSES,
        "use_conv": False, "pool": None, "weights": None}, (3, 64, 64)),
    "UNet, 2D": ("UNet", {"spatial_dims": 2, "in_channels": 1, "out_channels": 2, "channels": (4, 8, 16),
        "strides": (2, 2)}, (1, 32, 32)),
    "UNet, 3D": ("UNet", {"spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": (4, 8, 16),
        "strides": (2, 2), "num_res_units": 2}, (1, 32, 32, 32)),
    "BasicUNet": ("BasicUNet", {"in_channels": 1, "out_channels": 2, "features": (8, 8, 16, 32, 64, 8)},
        (1, 32, 32, 32)),
    "BasicUNetPlusPlus": ("BasicUNetPlusPlus", {"spatial_dims": 2, "in_channels": 1, "out_channels": 2,
        "features": (8, 8, 16, 32, 64, 8)}, (1, 32, 32)),
    "AttentionUnet": ("AttentionUnet", {"spatial_dims": 3, "in_channels": 1, "out_channels": 2,
        "channels": (8, 16, 32), "strides": (2, 2)}, (1, 32, 32, 32)),
    "SegResNet": ("SegResNet", {"in_channels": 1, "out_channels": 2}, (1, 32, 32, 32)),
    "SegResNetDS": ("SegResNetDS", {"in_channels": 1, "out_channels": 2, "init_filters": 8}, (1, 32, 32, 32)),
    "VNet": ("VNet", {"in_channels": 1, "out_channels": 2}, (1, 32, 32, 32)),
    "DynUNet": ("DynUNet", {"spatial_dims": 3, "in_channels": 1, "out_channels": 2, "kernel_size": [3, 3, 3],
        "strides": [1, 2, 2], "upsample_kernel_size": [2, 2], "filters": [8, 16, 32]}, (1, 32, 32, 32)),
    "HighResNet": ("HighResNet", {"in_channels": 1, "out_channels": 2}, (1, 24, 24, 24)),
    "FlexibleUNet": ("FlexibleUNet", {"in_channels": 1, "out_channels": 2, "backbone": "efficientnet-b0",
        "spatial_dims": 2}, (1, 64, 64)),
    "UNETR": ("UNETR", {"in_channels": 1, "out_channels": 2, "img_size": (32, 32, 32), "feature_size": 8,
        "hidden_size": 48, "mlp_dim": 96, "num_heads": 4}, (1, 32, 32, 32)),
    "SwinUNETR": ("SwinUNETR", {"in_channels": 1, "out_channels": 2, "feature_size": 12}, (1, 64, 64, 64)),
    "MedNeXtSmall": ("MedNeXtSmall", {"spatial_dims": 2, "in_channels": 1, "out_channels": 2}, (1, 64, 64)),
    "Quicknat": ("Quicknat", {"num_classes": 2, "num_channels": 1, "num_filters": 8}, (1, 64, 64)),
}  # fmt: skip


def _monai() -> list[Network]:
    nets = importlib.import_module("monai.networks.nets")

    def built(name: str) -> Callable[[], nn.Module]:
        kind, arguments, _ = MONAI[name]
        return lambda: getattr(nets, kind)(**arguments)

    return [Network("monai", name, shape, built(name)) for name, (_, _, shape) in MONAI.items()]


ARCHITECTURES = (
    *("Unet", "UnetPlusPlus", "MAnet", "Linknet", "FPN", "PSPNet", "PAN"),
    *("DeepLabV3", "DeepLabV3Plus", "UPerNet", "Segformer"),
)


def _segmentation_models_pytorch() -> list[Network]:
    import segmentation_models_pytorch

    def built(architecture: str, encoder: str) -> Callable[[], nn.Module]:
        kind = getattr(segmentation_models_pytorch, architecture)
        return lambda: kind(encoder, encoder_weights=None, classes=CLASSES)

    return [
        Network(
            "segmentation_models_pytorch", f"{architecture}, {encoder}", (3, 128, 128), built(architecture, encoder)
        )
        for architecture in ARCHITECTURES
        for encoder in ("resnet18", "mit_b0")
        # These encoders and decoders do not fit together.
        if (architecture, encoder)
        not in {
            ("UnetPlusPlus", "mit_b0"),
            ("Linknet", "mit_b0"),
            ("PAN", "mit_b0"),
            ("DeepLabV3", "mit_b0"),
            ("DeepLabV3Plus", "mit_b0"),
        }
    ]


def networks(library: str) -> list[Network]:
    """All networks of a library that is installed.

    Raises
    ------
    ImportError
        If it is not.
    """
    return {
        "torchvision": _torchvision,
        "timm": _timm,
        "transformers": _transformers,
        "monai": _monai,
        "segmentation_models_pytorch": _segmentation_models_pytorch,
    }[library]()
