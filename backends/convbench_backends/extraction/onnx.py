from convbench_specs import Extractor
class OnnxExtractor(Extractor):
    name = "onnx"
    def takes(self, model): return False
    def extract(self, model, shapes): raise NotImplementedError
