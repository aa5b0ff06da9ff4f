using System.ComponentModel.DataAnnotations;

namespace AuthIndex.Hosting.Configuration;

/// <summary>Requires a minimum size.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class AtLeastAttribute(string least) : ValidationAttribute
{
    /// <summary>The smallest size allowed, as the configuration writes it.</summary>
    public string Least => least;

    /// <inheritdoc/>
    public override bool IsValid(object? value) => value is ByteSize size && size.Bytes >= ByteSize.Parse(least, null).Bytes;

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) => $"must be at least {least}";
}

/// <summary>Requires a maximum size.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class AtMostAttribute(string most) : ValidationAttribute
{
    /// <summary>The largest size allowed, as the configuration writes it.</summary>
    public string Most => most;

    /// <inheritdoc/>
    public override bool IsValid(object? value) => value is ByteSize size && size.Bytes <= ByteSize.Parse(most, null).Bytes;

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) => $"must be at most {most}";
}
