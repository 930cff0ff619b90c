"""Operations on the federation's generations: list, compare and restore them."""
