#!/usr/bin/env bash
# Versions: torchmetrics 1.9.0, torch 2.14.1, scikit-learn 1.9.1.
# Behaviour: with average="macro" a class that has no images counts as 0 in MulticlassAUROC, always, and in
#   MulticlassAccuracy as soon as one image is taken for it; MulticlassRecall does as MulticlassAccuracy. Nothing is raised:
#   AUROC warns, accuracy is silent. scikit-learn's balanced_accuracy_score leaves such a class out.
# Seen: four classes, no image of the last, all answers of the others ranked right: AUROC 0.75, and 1.0 as the mean over the
#   three; one of 30 images taken for the absent class: accuracy 0.725, scikit-learn's 0.9667.
# Why it matters: a validation part or a bootstrap draw of an unbalanced folder often lacks a rare class. The metric then falls
#   by one class's share whatever the network does, and a bootstrap of it takes that for spread.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 2>/dev/null
"$folder/env/bin/pip" install --quiet --disable-pip-version-check torchmetrics==1.9.0 scikit-learn==1.9.1 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import sys
import warnings

import torch
from sklearn.metrics import balanced_accuracy_score
from torchmetrics.classification import MulticlassAccuracy, MulticlassAUROC, MulticlassRecall

labels = torch.arange(3).repeat(10)
right = torch.eye(4)[labels] * 0.7 + 0.075
one_wrong = right.clone()
one_wrong[0] = torch.tensor([0.1, 0.1, 0.1, 0.7])

with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    auroc = float(MulticlassAUROC(4, average="macro")(right, labels))
    each = MulticlassAUROC(4, average=None)(right, labels)
warned = sum("No positive samples" in str(one.message) for one in said)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    untouched = float(MulticlassAccuracy(4, average="macro")(right, labels))
    accuracy = float(MulticlassAccuracy(4, average="macro")(one_wrong, labels))
    recall = float(MulticlassRecall(4, average="macro")(one_wrong, labels))
    silent = not said
    theirs = balanced_accuracy_score(labels, one_wrong.argmax(1))
found = {
    "AUROC, every answer right": round(auroc, 4),
    "mean of the three that have images": round(float(each[:3].mean()), 4),
    "accuracy, every answer right": round(untouched, 4),
    "accuracy, one taken for the absent class": round(accuracy, 4),
    "recall, the same": round(recall, 4),
    "scikit-learn's balanced accuracy, the same": round(float(theirs), 4),
    "warnings of AUROC; accuracy silent": (warned > 0, silent),
}
for name, value in found.items():
    print(f"{name:<46}{value}")
sys.exit(list(found.values()) != [0.75, 1.0, 1.0, 0.725, 0.725, 0.9667, (True, True)])
PY
