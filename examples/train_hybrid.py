"""Hybrid batches in a training of your own, with sentence-transformers' trainer as it is.

    python examples/train_hybrid.py --model MODEL --data questions.jsonl --out trained

Each line of the data is one question with its passage in one language:

    {"item": 7, "language": "de", "query": "Wer ...?", "passage": "..."}

and the lines of an item are its translations. Add "passage_id" where items share a passage. On
several processes: `torchrun --nproc-per-node 2 examples/train_hybrid.py ...`.
"""

from __future__ import annotations

import argparse

from datasets import load_dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)

from hbt.adapters import RecordPlan, planned
from hbt.losses import MaskedInfoNCELoss
from hbt.pair_views import by_language_pair
from hbt.sampling import PlanSettings


def main() -> None:
    """Train, and save the model with its card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="a name or a folder")
    parser.add_argument("--data", required=True, help="a JSONL file")
    parser.add_argument("--out", required=True, help="folder of the trained model")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=64, help="in each process")
    parser.add_argument("--alpha", type=float, default=0.5, help="share of monolingual batches")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cpu", action="store_true")
    options = parser.parse_args()

    model = SentenceTransformer(options.model, device="cpu" if options.cpu else None)
    args = SentenceTransformerTrainingArguments(
        output_dir=f"{options.out}/checkpoints",
        num_train_epochs=1,  # of --steps batches
        per_device_train_batch_size=options.batch_size,
        learning_rate=2e-5,
        warmup_steps=0.1,
        seed=options.seed,
        use_cpu=options.cpu,
        save_strategy="no",
        report_to="none",
    )

    # The three lines: a view for each language pair, how to draw, and who draws.
    pairs = by_language_pair(load_dataset("json", data_files=options.data, split="train"))
    settings = PlanSettings(sampling="hybrid", alpha=options.alpha, seed=options.seed)
    train_dataset, args.multi_dataset_batch_sampler = planned(pairs, settings, options.steps)

    trainer = SentenceTransformerTrainer(
        model=model,
        args=args,
        train_dataset=train_dataset,
        loss=MaskedInfoNCELoss(model, gather_across_devices=args.world_size > 1),
        callbacks=[RecordPlan(args.multi_dataset_batch_sampler)],
    )
    trainer.train()
    if trainer.is_world_process_zero():
        model.save_pretrained(options.out)


if __name__ == "__main__":
    main()
