/* export.h - a trained model as a state dict that other people's programs load strictly.
 *
 *   timm         the encoder of a vits or vitt cell, timm.create_model(..., num_classes=0)
 *   torchvision  the encoder of a resnet50 cell, as torchvision.models.resnet50 without fc
 *   smp          the whole of a resnet50 cell trained under preset smp, as
 *                segmentation_models_pytorch.DeepLabV3Plus
 * The result is a safetensors file with metadata format "pt" and the model's own beside it
 * (mean, std, order, range, recipe ...): whoever loads it must feed it so. A batch norm's
 * num_batches_tracked is written as 0: it is not kept here, and counts only for a momentum
 * of None. A convolution's bias that such a network has no place for is taken off the
 * running mean behind it, which is the same function. What would load but compute another
 * function (strides, dilations, the decoder's order) is refused: die_no naming the recipe's
 * key. */
#ifndef CORE_EXPORT_H
#define CORE_EXPORT_H
#include "bag.h"

/* `to`: timm, torchvision or smp, else die_usage. Returns the line of Python that builds
 * the network; the caller frees. */
char *bag_export(const char *to, const struct bag *model, const char *path);
#endif
