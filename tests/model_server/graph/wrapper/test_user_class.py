"""A user's class is found, made and loaded; or what is wrong with it is said before anything starts."""

import pytest
import wrapper_zoo as zoo
from seldon_core.flask_utils import SeldonMicroserviceException
from seldon_core.microservice import parse_parameters as seldons_parse_parameters

from model_server.graph.errors import ComponentBroken
from model_server.graph.wrapper.user_class import load, load_user_class, make, parse_parameters
from model_server.install_model import InstallModel


def test_a_class_is_found_in_the_module_of_its_name_or_after_the_last_dot():
    assert load_user_class("LikeItsModule").__name__ == "LikeItsModule"
    assert load_user_class("wrapper_zoo.Echo") is zoo.Echo
    assert load_user_class("model_server.install_model.InstallModel") is InstallModel


@pytest.mark.parametrize(
    ("name", "said"),
    {
        "no such module": ("nowhere.Model", "the module nowhere cannot be imported: ModuleNotFoundError"),
        "a module that fails": ("broken_user_module.Model", "No module named 'a_module_that_nobody_has'"),
        "no such class": ("wrapper_zoo.Parrot", "has no class Parrot; it has .*Echo"),
        "a name that is no class": ("wrapper_zoo.PREDICTORS", "has no class PREDICTORS"),
        "nothing": ("", "cannot be imported"),
        "dots": ("..x", "cannot be imported"),
    }.values(),
)
def test_a_class_that_is_not_there_is_told_with_where_it_was_sought(name, said):
    with pytest.raises(ComponentBroken, match=said) as broken:
        load_user_class(name)
    assert said.startswith("has no") or broken.value.__cause__ is not None


GOOD = [("INT", "7"), ("INT", " -1_0 "), ("FLOAT", "0.5"), ("DOUBLE", "nan"), ("STRING", "7"), ("STRING", "")] + [
    ("BOOL", text) for text in ("y", "YES", "t", "True", "on", "1", "n", "no", "F", "false", "Off", "0")
]


@pytest.mark.parametrize(("kind", "value"), GOOD)
def test_parameters_are_read_as_seldon_reads_them(kind, value):
    given = [{"name": "p", "type": kind, "value": value}]
    assert repr(parse_parameters(given)) == repr(seldons_parse_parameters(given))


@pytest.mark.parametrize(
    ("kind", "value"),
    [("INT", "7.5"), ("INT", ""), ("FLOAT", "x"), ("BOOL", "maybe"), ("BOOL", ""), ("LIST", "7"), (None, "7")],
)
def test_a_parameter_that_is_not_of_its_type_is_told_with_what_is_accepted(kind, value):
    given = [{"name": "depth", "type": kind, "value": value}]
    with pytest.raises((SeldonMicroserviceException, ValueError, TypeError)):
        seldons_parse_parameters(given)
    with pytest.raises(ComponentBroken, match=r"the parameter depth (is|has the type) ") as broken:
        parse_parameters(given)
    assert "accepted are INT, FLOAT, DOUBLE, STRING and BOOL" in broken.value.message or kind in broken.value.message


@pytest.mark.parametrize("given", [{}, "x", None, 5, ["x"], [{}], [{"value": "1", "type": "INT"}], [{"name": 1}]])
def test_what_is_no_list_of_parameters_is_told(given):
    with pytest.raises(ComponentBroken, match=r"with name, value and type|has the type"):
        parse_parameters(given if given != {} else 5)


class Picky:
    def __init__(self, depth: int, secret: str = "") -> None:
        if depth < 0:
            raise ValueError("depth counts from 0")
        self.depth = depth


def test_an_object_is_made_with_its_parameters():
    assert make(Picky, {"depth": 3}).depth == 3


@pytest.mark.parametrize("given", [{}, {"width": 1, "secret": "swordfish"}, {"depth": -1, "secret": "swordfish"}])
def test_a_constructor_that_refuses_is_told_without_values(given):
    with pytest.raises(ComponentBroken, match="Picky could not be made with ") as broken:
        make(Picky, given)
    assert broken.value.__cause__ is not None
    assert "swordfish" not in broken.value.message


def loading(error):
    class Loads:
        def load(self):
            if error is not None:
                raise error

    return Loads()


def test_load_is_called_if_there_is_one():
    load(zoo.Echo())
    load(loading(None))
    load(loading(NotImplementedError()))


@pytest.mark.parametrize("error", [OSError("no such file"), AttributeError("no attribute session")])
def test_a_load_that_fails_is_told(error):
    with pytest.raises(ComponentBroken, match=rf"Loads.load\(\) failed: {type(error).__name__}: no ") as broken:
        load(loading(error))
    assert broken.value.__cause__ is error
