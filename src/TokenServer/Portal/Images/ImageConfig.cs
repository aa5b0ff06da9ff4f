using System.Text.Json;
using AuthIndex.TokenServer.Portal.Pages;

namespace AuthIndex.TokenServer.Portal.Images;

/// <summary>Reads an image's configuration (OCI image-spec, "Image Configuration").</summary>
internal static class ImageConfig
{
    private const int MaxSteps = 1000;

    /// <summary>What containers of the image run, for people.</summary>
    public static IReadOnlyList<FactRow> Facts(JsonElement config)
    {
        var run = config.Object("config");
        var facts = new List<FactRow>();
        Add("Platform", Platform(config));
        Add("Entrypoint", Command(run, "Entrypoint"));
        Add("Command", Command(run, "Cmd"));
        Add("Working directory", run.Text("WorkingDir"));
        Add("User", run.Text("User"));
        Add("Ports", Names(run, "ExposedPorts"));
        Add("Volumes", Names(run, "Volumes"));
        Add("Stop signal", run.Text("StopSignal"));
        foreach (var variable in run.Texts("Env")) facts.Add(new FactRow("Environment", variable));
        return facts;

        void Add(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value)) facts.Add(new FactRow(name, value));
        }
    }

    /// <summary>A platform as <c>os/architecture/variant</c>.</summary>
    public static string Platform(JsonElement platform)
    {
        string?[] parts = [platform.Text("os"), platform.Text("architecture"), platform.Text("variant")];
        var text = string.Join('/', parts.Where(p => p is not null));
        return platform.Text("os.version") is { } version && text.Length > 0 ? $"{text} ({version})" : text;
    }

    /// <summary>The layers of a manifest beside the steps of the build that made them.</summary>
    public static IReadOnlyList<LayerRow> Layers(IReadOnlyList<LayerRow> layers, JsonElement config)
    {
        var (rows, at) = (new List<LayerRow>(), 0);
        foreach (var step in config.Items("history", MaxSteps))
        {
            var command = step.Text("created_by") ?? step.Text("comment") ?? "";
            if (step.IsTrue("empty_layer")) rows.Add(new LayerRow(command, null, "", null));
            else if (at < layers.Count) rows.Add(layers[at++] with { Command = command });
        }

        return [.. rows, .. layers.Skip(at)];
    }

    private static string? Command(JsonElement run, string name) =>
        string.Join(' ', run.Texts(name).Select(w => w.Contains(' ', StringComparison.Ordinal) ? $"\"{w}\"" : w)) is { Length: > 0 } text
            ? UntrustedJson.Shown(text)
            : null;

    private static string Names(JsonElement run, string name) => run.Object(name) is { ValueKind: JsonValueKind.Object } names
        ? UntrustedJson.Shown(string.Join(", ", names.EnumerateObject().Take(100).Select(n => n.Name)))
        : "";
}
