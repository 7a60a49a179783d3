"""The tokenizer: byte-level BPE in the Hugging Face format, GPT-2's split, no normaliser. All 256 bytes are in the alphabet, so every
string has ids and decodes to itself."""
import json
from pathlib import Path
from typing import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

END = '<|endoftext|>'                    # id 0; separates documents


def train(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tok.decoder = decoders.ByteLevel()
    tok.post_processor = processors.ByteLevel(trim_offsets=False)
    tok.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[END], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
    if tok.token_to_id(END) != 0: raise ValueError(f'cannot use the tokenizer: {END} has id {tok.token_to_id(END)}; it must be 0')
    return tok


def save(tok: Tokenizer, folder: Path, context: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tok.save(str(folder / 'tokenizer.json'))
    (folder / 'tokenizer_config.json').write_text(json.dumps({
        'tokenizer_class': 'PreTrainedTokenizerFast', 'model_max_length': context, 'bos_token': END, 'eos_token': END, 'unk_token': END,
        'add_prefix_space': False, 'add_bos_token': False, 'clean_up_tokenization_spaces': False,
        # token types would be embedded with wte and added to every position, silently
        'model_input_names': ['input_ids', 'attention_mask'],
    }, indent=2) + '\n')
    (folder / 'generation_config.json').write_text(json.dumps({
        'bos_token_id': 0, 'eos_token_id': 0, 'do_sample': False, 'max_new_tokens': 40}, indent=2) + '\n')


def load(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / 'tokenizer.json'))
