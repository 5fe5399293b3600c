"""The datasets that can be loaded: what each is, where it comes from, and under which licence.

Nothing here is loaded by looking: the registry knows the names of modules and functions alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["DATASETS", "Dataset", "DatasetFile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFile:
    """A file that can be downloaded as it is.

    Args:
        path: Where it belongs, below the dataset's folder.
        url: Where it is.
        sha256: Its digest in hexadecimal.
    """

    path: str
    url: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A named dataset.

    Args:
        name: The function of `polytask.datasets` that loads it.
        module: The module with this function, in `polytask.datasets`.
        about: What it is, in a line.
        tasks: What there is to learn, in a few words.
        address: Where it is described, and can be had; empty for what a package carries, or is made here.
        licence: Its licence, as its authors name it; ``"not stated"`` where they do not.
        reference: Author, venue and year.
        folder: Its folder below the one that ``POLYTASK_DATA`` names; None where it needs none.
        files: What `polytask.datasets.download` gets; without any, it has to be fetched by hand.
        extra: The extra of polytask with the packages that it needs; None for no more than polytask itself.
        made: How the files that are read were made, where they are not those of the authors.
        maker: The module of `polytask.datasets.makers` that makes them from the official ones; None where
            they are read as they are.
    """

    name: str
    module: str
    about: str
    tasks: str
    address: str
    licence: str
    reference: str
    folder: str | None = None
    files: tuple[DatasetFile, ...] = ()
    extra: str | None = None
    made: str = ""
    maker: str | None = None


_CLINC = "https://raw.githubusercontent.com/clinc/oos-eval/828f8093932c8fe6ca7936c3d2e52903b1c523de/data"
_HEART = "https://archive.ics.uci.edu/ml/machine-learning-databases/heart-disease"
_RIVER = "https://raw.githubusercontent.com/online-ml/river/4011f5a95ac5ff1f094e8cd56b1f5300273455c5/river/datasets"
_OMNIGLOT = "https://github.com/brendenlake/omniglot/raw/master/python"
_FINGERPRINTS = (
    "Extended-connectivity fingerprints (Morgan, radius 2, 1,024 bits) of the molecules, packed eight bits a "
    "byte as `fp`, beside the labels `y` (NaN where missing) and the names `tasks`, in one .npz file."
)

_ALL = (
    Dataset(
        name="census_income",
        module="census",
        about="99,762 people and 41 columns about them: income, marital status and more",
        tasks="columns of your choice: classes, numbers",
        address="https://archive.ics.uci.edu/dataset/117",
        licence="CC BY 4.0",
        reference="UCI Machine Learning Repository, dataset 117: Census-Income (KDD)",
        folder="census_income_kdd",
    ),
    Dataset(
        name="chembl5",
        module="chembl5_activities",
        about="23,871 molecules, their activity at 691 proteins, 99.4 % of the labels missing",
        tasks="691 binary",
        address="https://moleculenet.org/datasets-1",
        licence="CC BY-SA 3.0",
        reference="Mayr et al., Chemical Science 9, 2018",
        folder="mol_fps",
        made=_FINGERPRINTS,
        maker="fingerprints",
    ),
    Dataset(
        name="chick_weights",
        module="chick_growth",
        about="578 weighings of 50 chicks on four diets, from birth to day 21",
        tasks="50 regression, one a chick; few-shot",
        address="https://github.com/online-ml/river",
        licence="BSD 3-Clause (river); the authors of the weights state none",
        reference="Crowder, Hand, Chapman and Hall, 1990",
        folder="chick_weights",
        files=(
            DatasetFile(
                path="chick-weights.csv",
                url=f"{_RIVER}/chick-weights.csv",
                sha256="0dc2c24ced9d447958d16be9d1537db1e6973c867223553623708c879080be3f",
            ),
        ),
    ),
    Dataset(
        name="clinc",
        module="clinc150",
        about="22,500 requests of 150 intents in ten domains, and 1,200 out of scope",
        tasks="intents, domains, in or out of scope; few-shot",
        address="https://archive.ics.uci.edu/dataset/570",
        licence="CC BY 3.0",
        reference="Larson et al., EMNLP 2019",
        folder="clinc150",
        files=tuple(
            DatasetFile(path=f"data/{name}", url=f"{_CLINC}/{name}", sha256=sha256)
            for name, sha256 in (
                ("data_full.json", "36923c3705a59e08fe9c3883d8bc2dd966ef93e22cb78ac41171782a698d56e0"),
                ("data_small.json", "050e17476e6b4fa88f8518edaf09921c8f5e3a86dc8b63615361102a20b2ac01"),
                ("data_oos_plus.json", "bfcca9ae515623541dc1983c94c4ed7cae9d26b42ae47d74b972e51bb6f7a21f"),
                ("domains.json", "b947b579d3b8e74b06f93b01083d8efaff2888b43a3e362533bd88a6e1211b3a"),
            )
        ),
    ),
    Dataset(
        name="fashion_titles",
        module="fashion",
        about="44,446 titles of products, and seven things to tell from each",
        tasks="7 multiclass",
        address="https://www.kaggle.com/datasets/paramaggarwal/fashion-product-images-small",
        licence="MIT",
        reference="Aggarwal, Kaggle, 2019",
        folder="fashion_styles",
        made="The column `productDisplayName` of styles.csv stands in a file of its own, styles_text.csv.",
        maker="titles",
    ),
    Dataset(
        name="glyphs",
        module="glyph_images",
        about="images of 565 characters of many scripts, drawn from fonts: few-shot, without a download",
        tasks="few-shot: 565 classes",
        address="",
        licence="those of the fonts that matplotlib carries, DejaVu and STIX",
        reference="made here",
        extra="builtin",
        made="Drawn from the fonts that matplotlib carries, by seed.",
    ),
    Dataset(
        name="heart_sites",
        module="heart",
        about="920 patients of four hospitals, which did not all make the same examinations",
        tasks="one disease at 4 hospitals",
        address="https://archive.ics.uci.edu/dataset/45",
        licence="CC BY 4.0",
        reference="Detrano et al., American Journal of Cardiology 64, 1989",
        folder="heart_sites",
        files=tuple(
            DatasetFile(path=f"processed.{site}.data", url=f"{_HEART}/processed.{site}.data", sha256=sha256)
            for site, sha256 in (
                ("cleveland", "a74b7efa387bc9d108d7d0115d831fe9b414b29ae7124f331b622b4efa0427c8"),
                ("hungarian", "d1ad108f785768cd3d7e82dc522e6f5a61eea93cccfb3a46ee8076f73fc3d796"),
                ("switzerland", "834a405ccf5b66ab4056bb77794adc8df0b7125186454c0a1d002d33c6c3b314"),
                ("va", "e7c93d8d0d2acdadfa4c5e8de768e2191e7f618b952e29623f1f0d5949ff6b8f"),
            )
        ),
    ),
    Dataset(
        name="mnist",
        module="mnist_digits",
        about="70,000 handwritten digits",
        tasks="1 multiclass",
        address="https://ossci-datasets.s3.amazonaws.com/mnist/",
        licence="CC BY-SA 3.0",
        reference="LeCun et al., Proceedings of the IEEE 86(11), 1998",
        folder="mnist",
        files=(
            DatasetFile(
                path="mnist.npz",
                url="https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
                sha256="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
            ),
        ),
    ),
    Dataset(
        name="mulan_table",
        module="mulan",
        about="18 tables with 2 to 16 regression targets each",
        tasks="2 to 16 regressions a table",
        address="https://mulan.sourceforge.net/datasets-mtr.html",
        licence="not stated",
        reference="Spyromitros-Xioufis et al., Machine Learning 104, 2016",
        folder="mulan_multitarget",
    ),
    Dataset(
        name="multi_mnist",
        module="multi_mnist_canvases",
        about="two digits of MNIST laid over each other, a task for each",
        tasks="2 multiclass",
        address="https://ossci-datasets.s3.amazonaws.com/mnist/",
        licence="CC BY-SA 3.0",
        reference="Sabour, Frosst, Hinton, NIPS 2017; Sener, Koltun, NeurIPS 2018",
        made="Drawn from the digits of `mnist`, by seed.",
    ),
    Dataset(
        name="omniglot",
        module="omniglot_drawings",
        about="1,623 handwritten characters of 50 alphabets, 20 drawings each",
        tasks="few-shot: 1,623 classes",
        address="https://github.com/brendenlake/omniglot",
        licence="MIT",
        reference="Lake, Salakhutdinov, Tenenbaum, Science 350(6266), 2015",
        folder="omniglot",
        files=tuple(
            DatasetFile(path=name, url=f"{_OMNIGLOT}/{name}", sha256=sha256)
            for name, sha256 in (
                (
                    "images_background.zip",
                    "ad41ab679c8b5d90b271ef46be6987cc81211774a695c29dcc5367b2b26ee640",
                ),
                (
                    "images_evaluation.zip",
                    "1f61a8f3366785b057fc117d9228e78a16e3d976c8953b2a10fcc74cf0609cee",
                ),
            )
        ),
        extra="images",
    ),
    Dataset(
        name="parkinsons",
        module="parkinsons_voices",
        about="5,875 recordings of 42 patients, and two scores of their disease",
        tasks="2 regressions, by patient",
        address="https://archive.ics.uci.edu/dataset/189",
        licence="CC BY 4.0",
        reference="Tsanas et al., IEEE Transactions on Biomedical Engineering 57, 2010",
        folder="parkinsons_telemonitoring",
    ),
    Dataset(
        name="factor_world",
        module="factor_worlds",
        about="a generated world of many tasks with few labels, whose hidden factors are shared, or not",
        tasks="60 numbers, 16 labels each",
        address="",
        licence="Apache-2.0",
        reference="Jonathan Baxter, JAIR 12, 2000, for why kinship helps",
        made="Drawn from normal distributions, by seed.",
    ),
    Dataset(
        name="glyph_traits_table",
        module="glyph_traits",
        about="letters in sixteen faces as a table: which letter, bold, slanted, with serifs",
        tasks="classes: letter, bold, slanted, serif",
        address="",
        licence="fonts: DejaVu (Bitstream Vera) and STIX (SIL OFL), as matplotlib carries them",
        reference="made here",
        extra="builtin",
        made="Drawn from the fonts that matplotlib carries, by seed.",
    ),
    Dataset(
        name="penguins_table",
        module="penguins",
        about="344 penguins: species, sex, island and measures, some missing",
        tasks="columns of your choice: classes, numbers",
        address="https://allisonhorst.github.io/palmerpenguins/",
        licence="CC0",
        reference="Gorman, Williams, Fraser, PLoS ONE 9(3), 2014",
        extra="builtin",
    ),
    Dataset(
        name="sarcos_test",
        module="sarcos",
        about="4,449 moments of a robot arm: seven torques from its motion",
        tasks="7 regressions",
        address="https://gaussianprocess.org/gpml/data/",
        licence="not stated",
        reference="Rasmussen, Williams, MIT Press, 2006",
        folder="sarcos_test",
        files=(
            DatasetFile(
                path="sarcos_inv_test.mat",
                url="http://gaussianprocess.org/gpml/data/sarcos_inv_test.mat",
                sha256="161a59b5c3b4f4b404584323f181607b2acbe620eb134dc720760dc3f38f5cec",
            ),
        ),
    ),
    Dataset(
        name="school",
        module="school_exams",
        about="15,362 pupils of 139 schools and their exam scores, a regression task per school",
        tasks="139 regressions, one a school",
        address="https://github.com/jiayuzhou/MALSAR",
        licence="not stated",
        reference="Goldstein, The Statistician 40, 1991; Argyriou et al., Machine Learning 73, 2008",
        folder="school",
    ),
    Dataset(
        name="spoken_digits",
        module="free_spoken_digits",
        about="3,000 recordings of ten digits, spoken by six people",
        tasks="digit and speaker: 2 multiclass",
        address="https://github.com/Jakobovski/free-spoken-digit-dataset",
        licence="CC BY-SA 4.0",
        reference="Jackson et al., 2018",
        folder="fsdd",
        made=(
            "The official recordings, joined in one .npz file: `audio` (int16), `offset` (where each begins, "
            "and the end), and the `digit`, `speaker` and `take` of each, with the names `speakers`."
        ),
        maker="recordings",
    ),
    Dataset(
        name="tox21",
        module="toxicity_assays",
        about="8,006 molecules, 12 tests of toxicity, 17 % of the labels missing",
        tasks="12 binary",
        address="https://moleculenet.org/datasets-1",
        licence="public",
        reference="Wu et al., Chemical Science 9, 2018",
        folder="mol_fps",
        made=_FINGERPRINTS,
        maker="fingerprints",
    ),
    Dataset(
        name="toxcast",
        module="toxicity_assays",
        about="8,597 molecules, 617 tests of toxicity, 71 % of the labels missing",
        tasks="617 binary",
        address="https://moleculenet.org/datasets-1",
        licence="public",
        reference="Wu et al., Chemical Science 9, 2018",
        folder="mol_fps",
        made=_FINGERPRINTS,
        maker="fingerprints",
    ),
)

DATASETS: Mapping[str, Dataset] = {dataset.name: dataset for dataset in _ALL}
"""All datasets by name, which is the name of the function that loads them."""
