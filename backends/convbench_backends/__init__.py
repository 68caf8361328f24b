"""The backends that come with convbench, each a plug-in like any third party's."""
