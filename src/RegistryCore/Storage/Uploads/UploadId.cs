using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace AuthIndex.RegistryCore.Storage.Uploads;

/// <summary>The name of an upload session: 128 random bits in hex, so that nobody guesses another's and no path can hide in it.</summary>
internal readonly record struct UploadId
{
    private UploadId(string value) => Value = value;

    /// <summary>The written form: 32 lower-case hex digits.</summary>
    public string Value { get; }

    /// <summary>A new random id of 128 bits.</summary>
    public static UploadId Create() => new(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)));

    /// <summary>Reads an id: 32 lower-case hex digits.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out UploadId id)
    {
        id = default;
        if (text is not { Length: 32 }) return false;
        foreach (var c in text)
        {
            if (!char.IsAsciiHexDigitLower(c)) return false;
        }

        id = new UploadId(text);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Value;
}
