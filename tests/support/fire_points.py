"""Points of the Fire family, of every kind."""

from hypothesis import strategies as st

fire_points = st.fixed_dictionaries(
    {
        "base_e": st.integers(1, 40),
        "incr_e": st.integers(0, 40),
        "freq": st.integers(1, 9),
        "pct_3x3": st.floats(0, 1),
        "squeeze_ratio": st.floats(0.01, 1),
        "bypass": st.sampled_from(["none", "simple", "complex"]),
        "modules": st.integers(1, 9),
        "downsampling": st.floats(0, 0.5),
        "stem": st.integers(1, 40),
        "stem_kernel": st.sampled_from([3, 7]),
        "final_relu": st.booleans(),
        "batch_norm": st.booleans(),
    }
)
