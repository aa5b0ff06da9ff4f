using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace AuthIndex.TokenContract.Tests;

/// <summary>What both servers agree on does no I/O, knows no web framework and asks no clock: seen in the compiled library.</summary>
public sealed class PurityTests
{
    private static readonly string[] Namespaces =
    [
        "", "System", "System.Buffers", "System.Buffers.Text", "System.Collections", "System.Collections.Generic", "System.Diagnostics",
        "System.Diagnostics.CodeAnalysis", "System.Linq", "System.Numerics", "System.Reflection", "System.Runtime.CompilerServices",
        "System.Runtime.InteropServices", "System.Runtime.Versioning", "System.Security.Cryptography", "System.Text",
            "System.Text.Encodings.Web",
        "System.Text.Json", "System.Text.Json.Serialization", "System.Text.Json.Serialization.Metadata", "System.CodeDom.Compiler",
    ];

    private static readonly string[] ImpureTypes = [
        "Console", "DateTime", "DateTimeOffset", "Random", "RandomNumberGenerator", "TimeProvider"];

    [Fact]
    public void The_library_uses_nothing_impure()
    {
        using var file = File.OpenRead(typeof(Scope).Assembly.Location);
        using var library = new PEReader(file);
        var metadata = library.GetMetadataReader();
        var used = metadata.TypeReferences.Select(metadata.GetTypeReference)
            .Select(type => (Namespace: metadata.GetString(type.Namespace), Name: metadata.GetString(type.Name))).ToList();

        Assert.Contains(("System.Text.Json", "JsonElement"), used);
        Assert.DoesNotContain(
            used, type => !Namespaces.Contains(type.Namespace, StringComparer.Ordinal)
            || ImpureTypes.Contains(type.Name, StringComparer.Ordinal));
    }
}
